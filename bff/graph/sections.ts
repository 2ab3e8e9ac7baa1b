// Sections: fields that are null, with a notice beside them, while the service that has them is away.
import { stateByParent } from '#bff/graph/operation-state.ts'
import { CallerError } from '#platform/domain/errors.ts'
import type { RequestContext } from '#platform/graphql/context.ts'

type Notice<Section extends string> = {
  readonly section: Section
  readonly code: string
  readonly message: string
}

type SectionRead<Section extends string, Value> = {
  readonly section: Section
  /** A sentence for people, when it cannot be loaded. */
  readonly message: string
  readonly read: () => Promise<Value>
}

type Sections<Section extends string> = {
  /**
   * Returns the section's value; null when it cannot be loaded, which `notices` then tells. Rejects for a failure that the
   * caller caused by its input.
   */
  read<Value>(
    parent: object,
    context: RequestContext,
    section: SectionRead<Section, Value>,
  ): Promise<Value | null>
  /** Returns a notice for each section of the parent that this operation selected and that could not be loaded. */
  notices(parent: object, context: RequestContext): Promise<Notice<Section>[]>
}

/** Returns the sections of one type of the graph. */
export function createSections<Section extends string>(): Sections<Section> {
  const outcomesOf = stateByParent<Promise<Notice<Section> | undefined>[]>(() => [])
  return {
    async read(parent, context, { section, message, read }) {
      const value = read()
      const outcome = value.then(
        () => undefined,
        (failure: unknown) => noticeOf(section, failure, message),
      )
      outcomesOf(context, parent).push(outcome)
      if ((await outcome) === undefined) return value
      context.sources.uncacheable = true
      return null
    },
    async notices(parent, context) {
      await Promise.resolve() // All resolvers of the selection have begun by then, those of the sections included.
      const notices = new Map<Section, Notice<Section>>()
      for (const notice of await Promise.all(outcomesOf(context, parent)))
        if (notice) notices.set(notice.section, notice)
      return [...notices.values()]
    },
  }
}

/** Returns no notice for a failure that the caller caused: that is an error of the field. */
function noticeOf<Section extends string>(
  section: Section,
  failure: unknown,
  message: string,
): Notice<Section> | undefined {
  const code = failure instanceof CallerError ? failure.code : 'INTERNAL'
  if (code === 'BAD_USER_INPUT') return undefined
  // A code that cannot be waited out would be about the BFF itself, because the section was read in its name.
  return { section, code: code === 'UNAVAILABLE' || code === 'RATE_LIMITED' ? code : 'INTERNAL', message }
}
