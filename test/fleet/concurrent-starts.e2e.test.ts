import { test } from 'vitest'
import { expectOneMigration } from '#test/fleet/concurrent-starts.ts'

test(
  'four processes that start at one instant on empty databases make what one makes',
  () => expectOneMigration(['orders']),
  120_000,
)
