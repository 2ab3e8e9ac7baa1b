// Refuses a supergraph that links a security feature which this gateway does not enforce.
import type { DocumentNode } from 'graphql'
import { linksOf } from '#gateway/federation/linked-directives.ts'

/** Enforced specifications, by name and major version. */
const ENFORCED: ReadonlySet<string> = new Set([
  'authenticated/v0',
  'requiresScopes/v0',
  'policy/v0',
  'inaccessible/v0',
  'context/v0',
])
const SPECIFICATION = /^https:\/\/specs\.apollo\.dev\/(\w+\/v\d+)\.\d+$/

/**
 * Throws for an unknown feature that is linked `for: SECURITY`: what it protects would be served to everybody
 * (https://specs.apollo.dev/link/v1.0).
 */
export function checkSecurityFeatures(document: DocumentNode): void {
  for (const link of linksOf(document)) {
    if (link.for !== 'SECURITY') continue
    const url = String(link.url)
    const name = SPECIFICATION.exec(url)?.[1]
    if (name === undefined || !ENFORCED.has(name))
      throw new Error(`it relies on ${url} for security, which this gateway does not know`)
  }
}
