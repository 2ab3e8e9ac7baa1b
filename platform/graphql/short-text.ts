// Cuts what is told to callers: a message that quotes its request is never as long as the request. Pure.

/** Characters of a message, the dots included. */
export const MAX_MESSAGE = 400

/** The text when it is at most 400 characters long, else its beginning and its end with dots between. */
export function shortened(text: string): string {
  if (text.length <= MAX_MESSAGE) return text
  const half = (MAX_MESSAGE - 3) / 2
  return `${text.slice(0, Math.ceil(half))}...${text.slice(-Math.floor(half))}`.toWellFormed()
}
