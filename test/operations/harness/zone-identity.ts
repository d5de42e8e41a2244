/** What histories call the worker of a zone that a test has taken over. */
export const zoneIdentity = (variant: string): string => `harness, zone worker, ${variant}`;
