// Checks LICENSES.md against the licences that the lock file records for the production dependencies.
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { ROOT, readPage } from '#test/docs/pages.ts'

const PERMISSIVE =
  /^\(?(MIT|ISC|0BSD|BSD-[23]-Clause|Apache-2\.0|BlueOak-1\.0\.0|Python-2\.0)( AND BSD-3-Clause)?\)?$/

type LockedPackage = { readonly license?: string; readonly dev?: boolean; readonly link?: boolean }

function productionLicenses(): [name: string, license: string][] {
  const lock: { packages: Record<string, LockedPackage> } = JSON.parse(
    readFileSync(path.join(ROOT, 'package-lock.json'), 'utf8'),
  )
  return Object.entries(lock.packages)
    .filter(([folder, { dev, link }]) => folder !== '' && !dev && !link)
    .map(([folder, { license }]) => [folder.replace(/^.*node_modules\//, ''), license ?? 'none recorded'])
}

test('the page lists every production dependency whose licence is not permissive, and no other', () => {
  const listed = [...readPage('LICENSES.md').matchAll(/^\| `([^`]+)` \| ([^|]+) \|/gm)].map(
    ([, name, license]) => [name, license],
  )
  const restricted = productionLicenses().filter(([, license]) => !PERMISSIVE.test(license))
  expect(listed.toSorted()).toEqual(restricted.toSorted())
})
