/** What people ask from Slack: a plan, a start, an explanation, a control. Knows nothing of how requests arrive. */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { personName } from '../../domain/explain.ts';
import type { Session } from '../cli/connect.ts';
import { controlOperation, explainOperation } from '../controls.ts';
import { ClientError, EXIT } from '../errors.ts';
import { describeOperation, listOperations } from '../operations.ts';
import { startOnce } from '../requests.ts';
import type { OperationRequest } from '../requests.ts';
import { messageOf } from './blocks.ts';
import type { Message } from './channel.ts';
import { findCommand, usageOf } from './commands.ts';
import type { StartCommand } from './commands.ts';
import type { Carried } from './modal.ts';
import type { Permissions } from './permissions.ts';
import type { SlackPolicy } from './policy.ts';
import { planBlocks } from './replies.ts';
import { escaped, inline, slackActor } from './text.ts';
import { wordsOf } from './words.ts';

export interface Asking {
  readonly user: string;
  readonly name: string;
  /** Names this very request; the same when Slack delivers it again. */
  readonly trigger: string;
}

const approvalSchema = z.strictObject({ text: z.string(), hash: z.string(), request: z.string() });

/** An id that no other request has. */
export const requestId = (...parts: readonly string[]): string =>
  `slack-${createHash('sha256').update(parts.join('\n')).digest('hex').slice(0, 32)}`;

const LONGEST_COMMAND = 1_500;

export class Wishes {
  readonly #session: Session;
  readonly #permissions: Permissions;
  readonly #policy: SlackPolicy;
  readonly #commands: readonly StartCommand[];

  constructor(
    session: Session,
    permissions: Permissions,
    policy: SlackPolicy,
    commands: readonly StartCommand[],
  ) {
    this.#session = session;
    this.#permissions = permissions;
    this.#policy = policy;
    this.#commands = commands;
  }

  /** Whatever was typed after `/zonewright`. */
  async command(text: string, asking: Asking): Promise<Message> {
    if (text.length > LONGEST_COMMAND)
      throw new ClientError(EXIT.usage, 'Cannot read a command of this length');
    const { words } = wordsOf(text);
    const [verb = 'help', id = ''] = words;
    if (verb === 'help') return this.#help();
    if (verb === 'list' && words.length === 1) return this.#list(asking);
    if (verb === 'explain' && words.length === 2) return this.#explain(id, asking);
    return this.#plan(text, asking);
  }

  /** Starts what the person has seen the plan of; another plan by now is shown instead. */
  async approved(value: string, asking: Asking): Promise<Message> {
    const { text, hash, request: wish } = approvalSchema.parse(JSON.parse(value));
    const { request, reason } = await this.#prepare(text, asking);
    if (request.hash !== hash) {
      return this.#planMessage(request, text, asking, ':warning: The plan has changed since you saw it:');
    }
    const asker = { actor: slackActor(asking.user), actorName: asking.name, reason, request: wish };
    await startOnce(this.#session.client, request, asker);
    const done = `Started ${inline(request.id)}: it goes on in <#${this.#policy.channel}>`;
    return { text: done, blocks: [{ type: 'section', text: { type: 'mrkdwn', text: done } }] };
  }

  /** @throws {ClientError} when the person may not do this to operations of the type that the message showed */
  async mayControl(operation: string, { user }: Pick<Asking, 'user'>): Promise<void> {
    const { type } = await describeOperation(this.#session.client, operation);
    await this.#permissions.mustBeAllowed(user, 'decide', type);
  }

  /** @returns the operation's answer */
  async control(wish: Carried, reason: string, asking: Omit<Asking, 'trigger'>): Promise<string> {
    await this.mayControl(wish.operation, asking);
    const { control, operation, question, choice, request } = wish;
    const by = { actor: slackActor(asking.user), actorName: asking.name, reason };
    const what = control === 'decide' ? { question: question ?? '', choice: choice ?? '' } : {};
    return controlOperation(this.#session.client, operation, control, { ...by, ...what }, request);
  }

  async #plan(text: string, asking: Asking): Promise<Message> {
    const { request } = await this.#prepare(text, asking);
    return this.#planMessage(request, text, asking);
  }

  #planMessage(request: OperationRequest, text: string, asking: Asking, note?: string): Message {
    const wish = requestId(asking.trigger, request.hash);
    const value = JSON.stringify({ text, hash: request.hash, request: wish });
    return { text: request.question, blocks: planBlocks(request, value, note) };
  }

  async #prepare(
    text: string,
    { user }: Asking,
  ): Promise<{ readonly request: OperationRequest; readonly reason: string }> {
    const said = wordsOf(text);
    const { command, args } = findCommand(this.#commands, said);
    await this.#permissions.mustBeAllowed(user, 'start', command.type);
    const { options } = said;
    const request = await command.prepare(this.#session, { words: args, options, policy: this.#policy });
    return { request, reason: options.get('reason') ?? '' };
  }

  async #explain(id: string, { user }: Asking): Promise<Message> {
    await this.#permissions.mustBeListed(user);
    const { client } = this.#session;
    const { startedAt, endedAt } = await describeOperation(client, id);
    const { explanation, unpolled } = await explainOperation(client, id);
    const { text, blocks } = messageOf({ explanation, progress: undefined, startedAt, endedAt });
    const notes = unpolled.map(
      (queue) => `:warning: No worker polls ${inline(queue)}: what waits there does not move.`,
    );
    const last = explanation.decisions.map(
      ({ question, choice, ...by }) =>
        `${escaped(personName(by))} decided ${inline(choice)} of ${inline(question)}`,
    );
    const more = [...notes, ...last].map((line) => ({
      type: 'section',
      text: { type: 'mrkdwn', text: line },
    }));
    return { text, blocks: [...blocks, ...more] };
  }

  async #list({ user }: Asking): Promise<Message> {
    await this.#permissions.mustBeListed(user);
    const open = await listOperations(this.#session.client, { limit: 30 });
    const lines = open.map(
      ({ id, type, state, headline = '' }) => `*${state}* ${type} ${inline(id)} ${escaped(headline)}`,
    );
    return plain(lines.length === 0 ? 'No operation is open' : lines.join('\n'));
  }

  #help(): Message {
    const looks = ['/zonewright list', '/zonewright explain <operation>'];
    const usages = [...looks, ...this.#commands.map(usageOf)].map((line) => inline(line));
    return plain(usages.join('\n'));
  }
}

export const plain = (text: string): Message => ({
  text: text.slice(0, 1_000),
  blocks: [{ type: 'section', text: { type: 'mrkdwn', text: text.slice(0, 3_000) } }],
});
