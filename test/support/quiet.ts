/** A logger that says nothing: webpack's progress is of no interest in tests. */
export const quiet = { log: noop, trace: noop, debug: noop, info: noop, warn: noop, error: noop };

function noop(): void {
  // says nothing
}
