/** The Slack bot: takes what Slack delivers, answers whoever asked, and keeps the board. */
import { App, HTTPReceiver, LogLevel, SocketModeReceiver, webApi } from '@slack/bolt';
import type {
  BlockAction,
  ButtonAction,
  Receiver,
  SlackCommandMiddlewareArgs,
  SlackActionMiddlewareArgs,
  SlackViewMiddlewareArgs,
  ViewSubmitAction,
} from '@slack/bolt';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Session } from '../cli/connect.ts';
import { ClientError, EXIT } from '../errors.ts';
import { Board } from './board.ts';
import type { BoardOptions } from './board.ts';
import { CONTROL_ACTION, wishSchema } from './buttons.ts';
import { Channel, retryAfter } from './channel.ts';
import { COMMANDS } from './commands.ts';
import type { StartCommand } from './commands.ts';
import { slackLogger } from './log.ts';
import { carriedBy, REASON_VIEW, reasonModal, reasonOf } from './modal.ts';
import { Once } from './once.ts';
import { Permissions } from './permissions.ts';
import { DROP_ACTION, refusalText, START_ACTION } from './replies.ts';
import type { Delivery, SlackSettings } from './settings.ts';
import { requestId, Wishes } from './wishes.ts';

export interface BotOptions {
  readonly session: Session;
  readonly settings: SlackSettings;
  readonly commands?: readonly StartCommand[];
  /** A line about what goes wrong; holds no secret. */
  readonly log: (line: string) => void;
  /** How often the list of operations is read. */
  readonly lookMs?: number;
  /** Least time between two messages to the channel. */
  readonly spaceMs?: number;
  readonly stepsMs?: BoardOptions['stepsMs'];
}

const LOOK_MS = 2_000;
export const COMMAND = '/zonewright';
export const PATH = '/slack/events';

export class SlackBot {
  readonly #options: BotOptions;
  readonly #app: App;
  readonly #wishes: Wishes;
  readonly #once = new Once();
  readonly #stop = new AbortController();
  #looking: Promise<void> = Promise.resolve();

  constructor(options: BotOptions) {
    const { session, settings, log } = options;
    const { botToken: token, policy, apiUrl } = settings;
    const clientOptions = {
      ...(apiUrl === undefined ? {} : { slackApiUrl: apiUrl }),
      logger: slackLogger(log),
    };
    const receiver = receiverOf(settings.delivery, log);
    this.#options = options;
    this.#app = new App({
      token,
      receiver,
      clientOptions,
      logger: slackLogger(log),
      deferInitialization: true,
    });
    const permissions = new Permissions(policy, this.#app.client);
    this.#wishes = new Wishes(session, permissions, policy, options.commands ?? COMMANDS);
    this.#app.command(COMMAND, (args) => this.#command(args));
    this.#app.action<BlockAction<ButtonAction>>(START_ACTION, (args) => this.#start(args));
    this.#app.action<BlockAction<ButtonAction>>(DROP_ACTION, async ({ ack, respond }) => {
      await ack();
      await respond({ delete_original: true });
    });
    this.#app.action<BlockAction<ButtonAction>>(new RegExp(`^${CONTROL_ACTION}`), (args) =>
      this.#control(args),
    );
    this.#app.view<ViewSubmitAction>(REASON_VIEW, (args) => this.#reason(args));
    this.#app.error((error) => Promise.resolve(log(`error: ${error.message}`)));
  }

  /**
   * Returns once it listens and may write to the channel.
   *
   * @returns the port it listens on; 0 in socket mode
   * @throws {ClientError} when Slack does not take the token, or the channel is not open to the bot
   */
  async start(): Promise<number> {
    const { settings, session, log, spaceMs, stepsMs } = this.#options;
    const { botToken, apiUrl, policy, delivery } = settings;
    const slack = new webApi.WebClient(botToken, {
      ...(apiUrl === undefined ? {} : { slackApiUrl: apiUrl }),
      rejectRateLimitedCalls: true,
      retryConfig: { retries: 0 },
      logger: slackLogger(log),
    });
    const botId = await whoAmI(slack, policy.channel);
    await this.#app.init();
    const server = await (delivery.kind === 'http' ? this.#app.start(delivery.port) : this.#app.start());
    const board = new Board({
      temporal: session.client,
      slack,
      channelId: policy.channel,
      botId,
      channel: new Channel(slack, policy.channel, this.#stop.signal, spaceMs),
      link: linkOf(policy.temporalUi, session.context.temporal.namespace),
      onError: (what, error) =>
        log(`error: ${what}: ${error instanceof Error ? error.message : String(error)}`),
      ...(stepsMs === undefined ? {} : { stepsMs }),
    });
    this.#looking = this.#look(board);
    const address = server && 'address' in server ? server.address() : null;
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#looking;
    await this.#app.stop();
  }

  async #look(board: Board): Promise<void> {
    const { signal } = this.#stop;
    const { lookMs = LOOK_MS, log } = this.#options;
    while (!signal.aborted) {
      const rest = await board.look().then(
        () => lookMs,
        (error: unknown) => {
          if (signal.aborted) return 0;
          log(`error: Cannot keep the messages: ${error instanceof Error ? error.message : String(error)}`);
          return Math.max(lookMs, (retryAfter(error) ?? 0) * 1_000);
        },
      );
      await sleep(rest, undefined, { signal }).catch(() => undefined);
    }
  }

  async #command({ ack, body, respond }: SlackCommandMiddlewareArgs): Promise<void> {
    await ack();
    const asking = { user: body.user_id, name: body.user_name, trigger: body.trigger_id };
    await this.#once.do(asking.trigger, async () => {
      const answer = await this.#wishes.command(body.text, asking).catch(refused);
      await respond({ response_type: 'ephemeral', ...answer } as Parameters<typeof respond>[0]);
    });
  }

  async #start({
    ack,
    body,
    action,
    respond,
  }: SlackActionMiddlewareArgs<BlockAction<ButtonAction>>): Promise<void> {
    await ack();
    const { user, trigger_id: trigger } = body;
    const asking = { user: user.id, name: nameOf(user), trigger };
    // Two clicks on one button carry the same value.
    await this.#once.do(`${user.id} ${action.value ?? ''}`, async () => {
      const answer = await this.#wishes.approved(action.value ?? '', asking).catch(refused);
      await respond({ replace_original: true, ...answer } as Parameters<typeof respond>[0]);
    });
  }

  async #control({
    ack,
    body,
    action,
    respond,
  }: SlackActionMiddlewareArgs<BlockAction<ButtonAction>>): Promise<void> {
    await ack();
    const { user, trigger_id: trigger, channel } = body;
    await this.#once.do(trigger, async () => {
      try {
        const wish = wishSchema.parse(JSON.parse(action.value ?? ''));
        await this.#wishes.mayControl(wish.operation, { user: user.id });
        const form = { ...wish, channel: channel?.id ?? '', request: requestId(trigger) };
        await this.#app.client.views.open({ trigger_id: trigger, view: reasonModal(form) as never });
      } catch (error) {
        const answer = refused(error);
        await respond({ response_type: 'ephemeral', replace_original: false, ...answer } as Parameters<
          typeof respond
        >[0]);
      }
    });
  }

  async #reason({ ack, body, view }: SlackViewMiddlewareArgs<ViewSubmitAction>): Promise<void> {
    await ack();
    const wish = carriedBy(view);
    const { user } = body;
    await this.#once.do(`${user.id} ${view.id}`, async () => {
      const asking = { user: user.id, name: nameOf(user) };
      const answer = await this.#wishes
        .control(wish, reasonOf(view.state), asking)
        .then((text) => ({ text, blocks: [] }), refused);
      await this.#app.client.chat.postEphemeral({
        channel: wish.channel || this.#options.settings.policy.channel,
        user: user.id,
        text: answer.text,
      });
    });
  }
}

const nameOf = ({
  id,
  ...user
}: {
  readonly id: string;
  readonly name?: string;
  readonly username?: string;
}): string => user.name ?? user.username ?? id;

const refused = (error: unknown) => {
  const text = refusalText(error);
  return { text, blocks: [{ type: 'section', text: { type: 'mrkdwn', text: text.slice(0, 3_000) } }] };
};

function receiverOf(delivery: Delivery, log: BotOptions['log']): Receiver {
  const logger = slackLogger(log);
  if (delivery.kind === 'socket') return new SocketModeReceiver({ appToken: delivery.appToken, logger });
  return new HTTPReceiver({
    signingSecret: delivery.signingSecret,
    endpoints: PATH,
    logger,
    logLevel: LogLevel.WARN,
    customRoutes: [{ path: '/healthz', method: 'GET', handler: (_, response) => void response.end('ok\n') }],
  });
}

/** Id of the bot, once it is sure that the channel can be read. */
async function whoAmI(slack: webApi.WebClient, channel: string): Promise<string> {
  try {
    const { bot_id: id = '' } = await slack.auth.test();
    await slack.conversations.history({ channel, limit: 1 });
    return id;
  } catch (error) {
    throw new ClientError(EXIT.usage, `Cannot use channel "${channel}" of Slack`, {
      cause: error,
      expectation: 'a token that Slack takes, and a channel that the bot was invited to',
    });
  }
}

const linkOf =
  (base: string | undefined, namespace: string): BoardOptions['link'] =>
  ({ id, runId }) =>
    base === undefined
      ? undefined
      : `${base.replace(/\/$/, '')}/namespaces/${namespace}/workflows/${encodeURIComponent(id)}/${runId}`;
