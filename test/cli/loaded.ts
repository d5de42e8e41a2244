/** `node --import loaded.ts`: prints each module that is loaded. */
import { registerHooks } from 'node:module';

registerHooks({
  load(url, context, nextLoad) {
    process.stdout.write(`loaded ${url}\n`);
    return nextLoad(url, context);
  },
});
