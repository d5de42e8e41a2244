/** A machine could not be booted, stopped or captured; the message says which one and what was expected. */
export class MachineError extends Error {
  override readonly name = 'MachineError';
}
