// Returns a header as one text, however often it was sent.

/** Undefined when it was not sent. Repeats are joined by commas, as RFC 9110 (5.3) has it. */
export function headerText(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header.join(',') : header
}
