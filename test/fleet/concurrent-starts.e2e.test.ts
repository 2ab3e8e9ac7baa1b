import { test } from 'vitest'
import { expectOneMigration } from '#test/fleet/concurrent-starts.ts'

test('four processes that start at once on empty databases create what one creates', () =>
  expectOneMigration(['orders']))
