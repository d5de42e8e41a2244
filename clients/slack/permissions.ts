/** Asks the policy, and Slack for the members of the groups that the policy names. */
import type { webApi } from '@slack/bolt';
import { ClientError, EXIT } from '../errors.ts';
import { isListed, mayDo } from './policy.ts';
import type { Permission, SlackPolicy } from './policy.ts';

const REMEMBER_MS = 60_000;

export class Permissions {
  readonly #policy: SlackPolicy;
  readonly #slack: webApi.WebClient;
  readonly #groups = new Map<string, { readonly members: ReadonlySet<string>; readonly until: number }>();

  constructor(policy: SlackPolicy, slack: webApi.WebClient) {
    this.#policy = policy;
    this.#slack = slack;
  }

  /** @throws {ClientError} refused, with what would be needed */
  async mustBeAllowed(user: string, permission: Permission, type: string): Promise<void> {
    const person = { user, groups: await this.#groupsOf(user) };
    if (mayDo(this.#policy, person, permission, type)) return;
    const what = permission === 'start' ? `start ${type}` : `decide about ${type}`;
    throw new ClientError(EXIT.refused, `You may not ${what} from Slack`, {
      expectation: `a rule of the bot's policy that lists you (${user}) or a group of yours with "${permission}: [${type}]"`,
    });
  }

  /** @throws {ClientError} refused */
  async mustBeListed(user: string): Promise<void> {
    if (isListed(this.#policy, { user, groups: await this.#groupsOf(user) })) return;
    throw new ClientError(EXIT.refused, 'You may not ask zonewright from Slack', {
      expectation: `a rule of the bot's policy that lists you (${user}) or a group of yours`,
    });
  }

  /** Of the groups that the policy names. */
  async #groupsOf(user: string): Promise<ReadonlySet<string>> {
    const names = [...new Set(this.#policy.rules.flatMap(({ groups }) => groups))];
    const members = await Promise.all(names.map((group) => this.#membersOf(group)));
    return new Set(names.filter((_, at) => members[at]?.has(user)));
  }

  async #membersOf(usergroup: string): Promise<ReadonlySet<string>> {
    const known = this.#groups.get(usergroup);
    if (known !== undefined && known.until > Date.now()) return known.members;
    const { users = [] } = await this.#slack.usergroups.users.list({ usergroup });
    const members = new Set(users);
    this.#groups.set(usergroup, { members, until: Date.now() + REMEMBER_MS });
    return members;
  }
}
