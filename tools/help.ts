// Implements `npm run help`: lists the commands of package.json, each with its purpose.
import { invocationOf, runCommand } from '#tools/command-line.ts'
import { COMMANDS, help } from '#tools/commands.ts'

/** Returns one line per command. */
export function commandList(): string {
  const calls = COMMANDS.map(command => invocationOf(command).replace(/ --$/, ''))
  const width = Math.max(...calls.map(call => call.length)) + 2
  const lines = COMMANDS.map(({ purpose }, index) => `  ${(calls[index] ?? '').padEnd(width)}${purpose}`)
  return [...lines, '', 'Each says more with -- --help, for example npm run token -- --help.'].join('\n')
}

if (import.meta.main) await runCommand(help, async () => console.log(commandList()))
