// Writes generated files, or reports which of them are stale.
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { type Command, invocationOf } from '#tools/command-line.ts'

export type GeneratedFile = { readonly file: URL; readonly text: string }

/** Returns the files that are missing or hold another text. */
export async function staleFiles(files: readonly GeneratedFile[]): Promise<GeneratedFile[]> {
  const stale = await Promise.all(
    files.map(async one =>
      // A file that cannot be read counts as stale.
      (await readFile(one.file, 'utf8').catch(() => undefined)) === one.text ? [] : [one],
    ),
  )
  return stale.flat()
}

/** Writes the stale files and prints their names. With `check` it writes none, and returns exit code 1 when any is stale. */
export async function writeGenerated(
  command: Command,
  files: readonly GeneratedFile[],
  { check = false }: { readonly check?: boolean | undefined },
): Promise<number> {
  const stale = await staleFiles(files)
  if (stale.length === 0) console.log(`Nothing was changed: ${count(files)} up to date.`)
  for (const { file, text } of stale) {
    if (check) console.error(`${nameOf(file)} is stale: run \`${invocationOf(command).replace(/ --$/, '')}\``)
    else {
      await mkdir(path.dirname(fileURLToPath(file)), { recursive: true })
      await writeFile(file, text)
      console.log(`Wrote ${nameOf(file)}.`)
    }
  }
  return check && stale.length > 0 ? 1 : 0
}

function count(files: readonly GeneratedFile[]): string {
  return files.length === 1 ? 'the file is' : `the ${files.length} files are`
}

function nameOf(file: URL): string {
  return path.relative(process.cwd(), fileURLToPath(file))
}
