/** What the bot does with each thing that Slack delivers. */
import type {
  App,
  BlockAction,
  ButtonAction,
  SlackActionMiddlewareArgs,
  SlackCommandMiddlewareArgs,
  SlackViewMiddlewareArgs,
  ViewSubmitAction,
} from '@slack/bolt';
import { CONTROL_ACTION, wishSchema } from './buttons.ts';
import { carriedBy, REASON_VIEW, reasonModal, reasonOf } from './modal.ts';
import { Once } from './once.ts';
import { DROP_ACTION, refusalText, START_ACTION } from './replies.ts';
import { requestId } from './wishes.ts';
import type { Wishes } from './wishes.ts';

export const COMMAND = '/zonewright';

type Click = SlackActionMiddlewareArgs<BlockAction<ButtonAction>>;

/** @param channel where answers go whose request names none */
export function installHandlers(app: App, wishes: Wishes, channel: string): void {
  const handlers = new Handlers(app, wishes, channel);
  app.command(COMMAND, (args) => handlers.command(args));
  app.action<BlockAction<ButtonAction>>(START_ACTION, (args) => handlers.start(args));
  app.action<BlockAction<ButtonAction>>(DROP_ACTION, async ({ ack, respond }) => {
    await ack();
    await respond({ delete_original: true });
  });
  app.action<BlockAction<ButtonAction>>(new RegExp(`^${CONTROL_ACTION}`), (args) => handlers.control(args));
  app.view<ViewSubmitAction>(REASON_VIEW, (args) => handlers.reason(args));
}

/** Each acknowledges at once, since Slack waits three seconds, and answers when it knows. */
class Handlers {
  readonly #app: App;
  readonly #wishes: Wishes;
  readonly #channel: string;
  readonly #once = new Once();

  constructor(app: App, wishes: Wishes, channel: string) {
    this.#app = app;
    this.#wishes = wishes;
    this.#channel = channel;
  }

  async command({ ack, body, respond }: SlackCommandMiddlewareArgs): Promise<void> {
    await ack();
    const asking = { user: body.user_id, name: body.user_name, trigger: body.trigger_id };
    await this.#once.do(asking.trigger, async () => {
      const answer = await this.#wishes.command(body.text, asking).catch(refused);
      await respond({ response_type: 'ephemeral', ...answer } as Parameters<typeof respond>[0]);
    });
  }

  async start({ ack, body, action, respond }: Click): Promise<void> {
    await ack();
    const { user, trigger_id: trigger } = body;
    const asking = { user: user.id, name: nameOf(user), trigger };
    // Two clicks on one button carry the same value.
    await this.#once.do(`${user.id} ${action.value ?? ''}`, async () => {
      const answer = await this.#wishes.approved(action.value ?? '', asking).catch(refused);
      await respond({ replace_original: true, ...answer } as Parameters<typeof respond>[0]);
    });
  }

  async control({ ack, body, action, respond }: Click): Promise<void> {
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

  async reason({ ack, body, view }: SlackViewMiddlewareArgs<ViewSubmitAction>): Promise<void> {
    await ack();
    const wish = carriedBy(view);
    const { user } = body;
    await this.#once.do(`${user.id} ${view.id}`, async () => {
      const asking = { user: user.id, name: nameOf(user) };
      const answer = await this.#wishes
        .control(wish, reasonOf(view.state), asking)
        .then((text) => ({ text, blocks: [] }), refused);
      await this.#app.client.chat.postEphemeral({
        channel: wish.channel || this.#channel,
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
