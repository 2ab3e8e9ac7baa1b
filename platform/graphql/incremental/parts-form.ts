// Defines in which forms a client accepts a response in parts.
import { isObject } from '#platform/domain/json.ts'

/**
 * The forms of incremental delivery. `ids`: the specification's draft, as in graphql-js 17, where parts are announced and
 * have ids. `paths`: its draft of 2022-08-24, where a part says for which path it is and repeats fields that others have.
 */
export type PartsForm = 'ids' | 'paths'

/** Returns the `partsForm` of an operation's context; undefined for an operation whose response is a single one. */
export function partsFormOf(context: unknown): PartsForm | undefined {
  const form = isObject(context) ? context.partsForm : undefined
  return form === 'ids' || form === 'paths' ? form : undefined
}
