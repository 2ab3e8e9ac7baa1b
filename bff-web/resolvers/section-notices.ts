// Turns failures into the notices that a page has instead of the sections that could not be loaded.
import { CallerError } from '#platform/domain/errors.ts'
import { failureOf, type RemoteError } from '#platform/graphql/client/client.ts'

export type Notice<Section extends string> = {
  readonly section: Section
  readonly code: string
  readonly message: string
}

/** Returns a notice for each section that has an error, in the order of the errors. Throws the first error outside of all sections. */
export function noticesOf<Section extends string>(
  errors: readonly RemoteError[],
  sectionOf: (path: readonly (string | number)[]) => Section | undefined,
  messages: Readonly<Record<Section, string>>,
): Notice<Section>[] {
  const notices = new Map<Section, Notice<Section>>()
  for (const error of errors) {
    const failure = failureOf(error, 'gateway')
    const section = sectionOf(error.path ?? [])
    if (section === undefined) throw failure
    if (!notices.has(section)) notices.set(section, noticeOf(section, failure, messages[section]))
  }
  return [...notices.values()]
}

/** Returns the section's notice. Throws a failure that the caller caused by its input. */
export function noticeOf<Section extends string>(
  section: Section,
  failure: unknown,
  message: string,
): Notice<Section> {
  const code = failure instanceof CallerError ? failure.code : 'INTERNAL'
  if (code === 'BAD_USER_INPUT') throw failure
  // Any other code would be about the BFF itself, because the section was read in its name.
  return { section, code: code === 'UNAVAILABLE' || code === 'RATE_LIMITED' ? code : 'INTERNAL', message }
}
