import { describe, expect, test, vi } from 'vitest'
import { defineCommand, helpText, readInput, runCommand } from '#tools/command-line.ts'

const ship = defineCommand({
  name: 'ship',
  purpose: 'Ships a parcel.',
  operands: { usage: 'PARCEL', description: 'what is shipped', most: 1 },
  options: {
    to: { type: 'string', value: 'PLACE', description: 'where it goes', default: 'Bremen' },
    fast: { type: 'boolean', description: 'ships it today' },
  },
  examples: ['npm run ship -- box --to=Kiel'],
})
const sink = defineCommand({
  name: 'sink',
  purpose: 'Sinks it.',
  destroys: true,
  options: {},
  examples: ['npm run sink'],
})

describe('the arguments of a command', () => {
  test('are parsed into options with their defaults, and operands', () => {
    expect(readInput(ship, ['box', '--fast'])).toMatchObject({
      values: { to: 'Bremen', fast: true },
      operands: ['box'],
    })
  })

  test.each([
    [['--quick'], 'ship has no option --quick: it takes --to, --fast, --help.'],
    [['-x'], 'ship has no option -x'],
    [['--constructor'], 'ship has no option --constructor'],
    [['--fast=no'], '--fast takes no value, and got "no".'],
    [['--to'], '--to needs a value: --to=PLACE.'],
    [['--to', '--fast'], '--to needs a value: --to=PLACE.'],
    [['--to='], '--to needs a value: --to=PLACE.'],
    [['box', 'crate', 'bag'], 'ship has no use for "crate" "bag": it takes PARCEL.'],
    [['--yes'], 'ship has no option --yes'],
  ])('are refused with a sentence that names the problem: %j', (args, sentence) => {
    expect(() => readInput(ship, args)).toThrow(sentence)
    expect(() => readInput(ship, args)).toThrow('npm run ship -- --help shows how it is used.')
  })

  test('may begin with a dash after --', () => {
    expect(readInput(ship, ['--', '--help']).operands).toEqual(['--help'])
  })
})

describe('a destructive command', () => {
  test('runs with --yes', async () => {
    await expect(readInput(sink, ['--yes']).confirm('Sink it?')).resolves.toBeUndefined()
  })

  test('changes nothing without a terminal and --yes', async () => {
    await expect(readInput(sink, []).confirm('Sink it?')).rejects.toThrow(
      'Sink it? Nothing was changed: there is no terminal to answer on. To do it without being asked, add --yes.',
    )
  })

  test('names --yes in its help', () => {
    expect(helpText(sink)).toContain('--yes')
    expect(helpText(ship)).not.toContain('--yes')
  })
})

test.each([['--help'], ['-h'], ['--quick', '--help']])(
  '%j runs nothing and prints the help',
  async (...args) => {
    const printed = vi.spyOn(console, 'log').mockReturnValue()
    const main = vi.fn()
    await runCommand(ship, main, args)
    expect(main).not.toHaveBeenCalled()
    expect(printed.mock.calls.join()).toBe(helpText(ship))
    vi.restoreAllMocks()
  },
)

test('the help says how a command is called, what it does, its options with defaults, and an example', () => {
  expect(helpText(ship)).toBe(`npm run ship -- PARCEL [OPTION…]
Ships a parcel.

  PARCEL      what is shipped
  --to PLACE  where it goes (Bremen when left out)
  --fast      ships it today
  -h, --help  prints this and does nothing else

Example: npm run ship -- box --to=Kiel`)
})
