// Defines families: products that differ by their options alone, such as size and colour, and who may join one.
import { accept, type Decision, refuse } from '#platform/domain/decision.ts'

/** A property by which the products of a family differ, and its value, such as size M. */
export type ProductOption = { readonly name: string; readonly value: string }
export type Member = { readonly sku: string; readonly options: readonly ProductOption[] }

/** The members in the order in which they joined. Nobody leaves a family. */
export type Family = { readonly members: readonly Member[] }
export type FamilyEvent = {
  readonly type: 'FamilyMemberJoined'
  readonly data: Member & { readonly family: string }
}

export const noFamily: Family = { members: [] }

/** More products than this in one family are taken for a mistake. */
export const MAX_MEMBERS = 100

export type FamilyClash = { readonly code: 'FAMILY_CLASH'; readonly message: string }

export function evolveFamily({ members }: Family, { data: { sku, options } }: FamilyEvent): Family {
  return { members: [...members, { sku, options }] }
}

/**
 * All members have the same options, each with a value of its own in at least one. A member that joins again changes
 * nothing.
 */
export function joinFamily(
  { members }: Family,
  { family, sku, options }: Member & { readonly family: string },
): Decision<FamilyEvent, FamilyClash> {
  const [first] = members
  const known = members.find(member => member.sku === sku)
  if (known && valuesOf(known.options) === valuesOf(options)) return accept()
  if (known) return refuse(familyClash(`product ${sku} is in family ${family} with other values`))
  if (members.length >= MAX_MEMBERS)
    return refuse(familyClash(`family ${family} has ${MAX_MEMBERS} products already`))
  if (first && namesOf(options) !== namesOf(first.options))
    return refuse(
      familyClash(
        `the products of family ${family} differ by ${first.options.map(({ name }) => name).join(', ')}`,
      ),
    )
  const twin = members.find(member => valuesOf(member.options) === valuesOf(options))
  if (twin) return refuse(familyClash(`${twin.sku} of family ${family} has the same values`))
  return accept({ type: 'FamilyMemberJoined', data: { family, sku, options } })
}

export function familyClash(message: string): FamilyClash {
  return { code: 'FAMILY_CLASH', message }
}

/** Returns the same text for names that a person takes for the same. */
export function foldName(name: string): string {
  return name.normalize('NFKC').toLowerCase()
}

function namesOf(options: readonly ProductOption[]): string {
  return JSON.stringify(options.map(({ name }) => foldName(name)).sort())
}

function valuesOf(options: readonly ProductOption[]): string {
  return JSON.stringify(
    options.map(({ name, value }) => JSON.stringify([foldName(name), foldName(value)])).sort(),
  )
}
