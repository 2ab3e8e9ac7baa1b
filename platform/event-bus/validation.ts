// Validates what callers of the event bus ask for, and creates the error for messages that are deleted.
import { CallerError } from '#platform/domain/errors.ts'

const NAME = /^[a-z][a-z0-9_.-]{0,99}$/
const MOST_MESSAGES = 10_000

/** Returns the name of a topic or group. Throws CallerError BAD_USER_INPUT. */
export function checkName(kind: 'topic' | 'group', name: string): string {
  if (!NAME.test(name))
    throw new CallerError(
      'BAD_USER_INPUT',
      `The name of a ${kind} must match ${NAME}, which "${name}" does not.`,
    )
  return name
}

export function checkRead(after: number, limit: number): void {
  if (!Number.isSafeInteger(after) || after < 0)
    throw new CallerError('BAD_USER_INPUT', `A read starts after a position from 0 on, not after ${after}.`)
  if (!Number.isInteger(limit) || limit < 1 || limit > MOST_MESSAGES)
    throw new CallerError('BAD_USER_INPUT', `A read takes 1 to ${MOST_MESSAGES} messages, not ${limit}.`)
}

/** Returns the error for a read of deleted messages: `details.oldest` is the lowest position after which the topic can still be read. */
export function retentionError(topic: string, after: number, oldest: number): CallerError {
  return new CallerError(
    'BAD_USER_INPUT',
    `Topic ${topic} can be read after position ${oldest} at the earliest, not after ${after}: older messages are deleted.`,
    { oldest },
  )
}

/** Returns the position after which a reader that fell out of retention can go on; undefined for any other error. */
export function oldestPositionIn(error: unknown): number | undefined {
  const oldest = error instanceof CallerError ? error.details.oldest : undefined
  return typeof oldest === 'number' ? oldest : undefined
}
