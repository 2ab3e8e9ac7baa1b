// Derives a caller's scopes and policies from the claims of its verified token, and checks rules against them.
import type { AnyOfAll, Rule } from '#gateway/safety/authorization/rules.ts'
import type { AuthorizationSettings } from '#gateway/safety/settings.ts'
import { claimNamed } from '#platform/auth/claims.ts'

/** The claims of a verified token. */
export type Claims = Readonly<Record<string, unknown>>

type Grants = {
  readonly authenticated: boolean
  readonly scopes: ReadonlySet<string>
  readonly policies: ReadonlySet<string>
}

const NO_NAMES: ReadonlySet<string> = new Set()

/** Returns a function from claims to grants. A caller without a token has the policies that are met by everybody. */
export function createGrants(settings: AuthorizationSettings): (claims: Claims | undefined) => Grants {
  const known = new WeakMap<Claims, Grants>()

  function grantsOf(claims: Claims | undefined): Grants {
    const scopes = claims ? namesIn(claims, settings.scopeClaims) : NO_NAMES
    const claimed = claims ? namesIn(claims, settings.policyClaims) : NO_NAMES
    const given = Object.entries(settings.policies).flatMap(([name, required]) =>
      holdsAny(required, scopes) ? [name] : [],
    )
    return { authenticated: claims !== undefined, scopes, policies: new Set([...claimed, ...given]) }
  }

  const anonymous = grantsOf(undefined)
  return claims => {
    if (!claims) return anonymous
    const found = known.get(claims)
    if (found) return found
    const grants = grantsOf(claims)
    known.set(claims, grants)
    return grants
  }
}

export function meets({ authenticated, scopes, policies }: Rule, grants: Grants): boolean {
  return (
    (!authenticated || grants.authenticated) &&
    (!scopes || holdsAny(scopes, grants.scopes)) &&
    (!policies || holdsAny(policies, grants.policies))
  )
}

function holdsAny(alternatives: AnyOfAll, held: ReadonlySet<string>): boolean {
  return alternatives.some(all => all.every(name => held.has(name)))
}

/** A claim is a list of names, or one text with spaces between the names. */
function namesIn(claims: Claims, names: readonly string[]): ReadonlySet<string> {
  return new Set(
    names.flatMap(name => {
      const value = claimNamed(claims, name)
      if (typeof value === 'string') return value.split(' ').filter(text => text !== '')
      return Array.isArray(value) ? value.filter(text => typeof text === 'string') : []
    }),
  )
}
