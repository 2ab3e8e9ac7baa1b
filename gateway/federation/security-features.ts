// What a supergraph links for security: all of it is known here, or the supergraph is not served. Pure.
import type { DocumentNode } from 'graphql'
import { linksOf } from '#gateway/federation/linked-directives.ts'

/** Specifications by name, up to the major version. */
const KNOWN: ReadonlySet<string> = new Set([
  'authenticated/v0',
  'requiresScopes/v0',
  'policy/v0',
  'inaccessible/v0',
  'context/v0',
])
const SPECIFICATION = /^https:\/\/specs\.apollo\.dev\/(\w+\/v\d+)\.\d+$/

/**
 * Throws when a feature is linked `for: SECURITY` that would not be enforced: what it guards would be served to everybody
 * (https://specs.apollo.dev/link/v1.0).
 */
export function checkSecurityFeatures(document: DocumentNode): void {
  for (const link of linksOf(document)) {
    if (link.for !== 'SECURITY') continue
    const url = String(link.url)
    const name = SPECIFICATION.exec(url)?.[1]
    if (name === undefined || !KNOWN.has(name))
      throw new Error(`it relies on ${url} for security, which this gateway does not know`)
  }
}
