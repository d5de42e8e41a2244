/** The bot between a Slack that stands in and a real Temporal server with toy operations. */
import { SlackBot } from '../../clients/slack/bot.ts';
import type { StartCommand } from '../../clients/slack/commands.ts';
import { policySchema } from '../../clients/slack/policy.ts';
import type { OperationRequest } from '../../clients/requests.ts';
import { QUEUES } from '../../domain/operations.ts';
import { Frame, eventually } from '../workflows/frame.ts';
import type { Run } from '../workflows/frame.ts';
import type { ToyCloud } from '../workflows/toy-cloud.ts';
import type { ToyInput } from '../workflows/toys.ts';
import { CHANNEL, SlackStandIn } from './stand-in.ts';
import type { Posted } from './stand-in.ts';

export const ALICE = 'U0ALICE';
export const GROUP_MEMBER = 'U0BOB';
export const STARTER = 'U0CAROL';
export const STRANGER = 'U0MALLORY';
const GROUP = 'S0PLATFORM';

const policy = policySchema.parse({
  channel: CHANNEL,
  temporalUi: 'https://temporal.example.com',
  rules: [
    { users: [ALICE], groups: [GROUP], start: ['*'], decide: ['*'] },
    { users: [STARTER], start: ['*'], decide: ['BakeAmi'] },
  ],
});

export class Laboratory {
  readonly frame: Frame;
  readonly slack: SlackStandIn;
  readonly logged: string[] = [];
  /** Starts that reached Temporal, by workflow id. */
  readonly starts: string[] = [];
  /** What the plan of `toy make` says. */
  plan = 'a toy zone';
  bot: SlackBot | undefined;

  private constructor(frame: Frame, slack: SlackStandIn) {
    this.frame = frame;
    this.slack = slack;
    slack.groups.set(GROUP, [GROUP_MEMBER]);
  }

  static async open(): Promise<Laboratory> {
    const laboratory = new Laboratory(await Frame.openReal(), await SlackStandIn.open());
    await laboratory.startBot();
    return laboratory;
  }

  async startBot(): Promise<void> {
    const { slack, frame } = this;
    const context = {
      name: 'toy',
      temporal: { address: frame.env.address, namespace: frame.env.namespace ?? 'default' },
      aws: { region: 'us-east-1' },
      store: { bucket: 'toy-store' },
      environment: { name: 'toy', domain: 'toy.example.com' },
    };
    this.bot = new SlackBot({
      session: { client: frame.env.client, context },
      settings: {
        botToken: slack.token,
        delivery: { kind: 'http', port: 0, signingSecret: slack.signingSecret },
        policy,
        apiUrl: `${slack.url}/api/`,
      },
      commands: [this.#command],
      log: (line) => this.logged.push(line),
      lookMs: 100,
      spaceMs: 5,
      stepsMs: { working: 100, waiting: 100 },
    });
    slack.botUrl = `http://127.0.0.1:${await this.bot.start()}`;
  }

  async stopBot(): Promise<void> {
    await this.bot?.stop();
    this.bot = undefined;
  }

  async close(): Promise<void> {
    await this.stopBot();
    await this.frame.close();
    await this.slack.close();
  }

  /** `/zonewright toy make <zone>` */
  get #command(): StartCommand {
    return {
      name: 'toy make',
      takes: '<zone>',
      type: 'ToyZone',
      prepare: (_, { words: [zone = ''] }) => Promise.resolve(this.#request(zone)),
    };
  }

  #request(zone: string): OperationRequest {
    const id = `make-${zone}`;
    const cloud = this.frame.cloudFor(id);
    cloud.open();
    return {
      id,
      type: 'ToyZone',
      question: `Make ${zone}?`,
      plan: this.plan,
      hash: this.plan,
      start: (client, { request, ...asker }) => {
        this.starts.push(id);
        return client.workflow.start('ToyZone', {
          taskQueue: QUEUES.aws,
          workflowId: id,
          workflowIdConflictPolicy: 'FAIL',
          ...(request === undefined ? {} : { memo: { request } }),
          args: [{ ...asker, environment: 'toy', zone }],
        });
      },
    };
  }

  /** Starts a toy operation elsewhere than in Slack. */
  toy(input: Partial<ToyInput> = {}, prepare?: (cloud: ToyCloud) => void): Promise<Run> {
    return this.frame.start('ToyZone', input, prepare);
  }

  /** The message of an operation, once it is as wanted. */
  message(id: string, wanted: (message: Posted) => boolean = () => true): Promise<Posted> {
    const mine = (): Posted | undefined =>
      this.slack.board.find(({ metadata }) => metadata?.event_payload['id'] === id);
    return eventually(mine, (found) => found !== undefined && wanted(found)) as Promise<Posted>;
  }

  /** The answer that the next request gets over its response URL. */
  async answerTo(request: () => Promise<number>): Promise<Record<string, unknown>> {
    const before = this.slack.responses.length;
    await request();
    await eventually(
      () => this.slack.responses.length,
      (count) => count > before,
    );
    return this.slack.responses[before] ?? {};
  }

  /** What the next request makes the bot say to its person only. */
  async saidTo(request: () => Promise<number>): Promise<{ readonly user: string; readonly text: string }> {
    const before = this.slack.ephemeral.length;
    await request();
    await eventually(
      () => this.slack.ephemeral.length,
      (count) => count > before,
    );
    return this.slack.ephemeral[before] ?? { user: '', text: '' };
  }
}
