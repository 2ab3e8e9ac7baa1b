// Turns failures into the notices that a page has instead of the sections that could not be loaded.
import type { PageResult } from '#bff/pages/pages.ts'
import { CallerError } from '#platform/domain/errors.ts'
import { failureOf, type RemoteError } from '#platform/graphql/client/client.ts'
import type { RequestContext } from '#platform/graphql/context.ts'

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

/** Returns the data of a page without sections. Throws when any part of it failed. */
export function whole<Result>({ data, errors }: PageResult<Result>): Result | undefined {
  if (errors[0]) throw failureOf(errors[0], 'gateway')
  return data
}

type SectionRead<Section extends string, Result> = {
  readonly section: Section
  readonly message: string
  readonly read: () => Promise<PageResult<Result>>
}

/** Reads a section that is a page of its own. When it cannot be loaded, adds its notice and returns undefined. */
export async function readSection<Section extends string, Result>(
  context: RequestContext,
  notices: Notice<Section>[],
  { section, message, read }: SectionRead<Section, Result>,
): Promise<Result | undefined> {
  try {
    return whole(await read())
  } catch (failure) {
    context.sources.uncacheable = true
    notices.push(noticeOf(section, failure, message))
    return undefined
  }
}

/** Returns the section's notice. Throws a failure that the caller caused by its input. */
function noticeOf<Section extends string>(
  section: Section,
  failure: unknown,
  message: string,
): Notice<Section> {
  const code = failure instanceof CallerError ? failure.code : 'INTERNAL'
  if (code === 'BAD_USER_INPUT') throw failure
  // Any other code would be about the BFF itself, because the section was read in its name.
  return { section, code: code === 'UNAVAILABLE' || code === 'RATE_LIMITED' ? code : 'INTERNAL', message }
}
