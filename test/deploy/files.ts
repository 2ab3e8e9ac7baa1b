// The files of deploy/ as tests read them. Free of what they should say.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { parse, parseAllDocuments } from 'yaml'
import { ROOT } from '#test/docs/pages.ts'

export function readText(file: string): string {
  return readFileSync(path.join(ROOT, file), 'utf8')
}

/** The one document of a YAML file, with its merge keys carried out. */
export function readYaml(file: string): unknown {
  return parse(readText(file), { merge: true })
}

/** The documents of a YAML text, in their order. Throws on the first that is not YAML. */
export function documentsOf(text: string): unknown[] {
  return parseAllDocuments(text).map(document => {
    const [error] = document.errors
    if (error) throw error
    return document.toJS()
  })
}

/** Why `command` cannot be run here; undefined when it can. */
export function whyNot(command: string, ...args: readonly string[]): string | undefined {
  try {
    execFileSync(command, args, { stdio: 'ignore' })
    return undefined
  } catch {
    return `${[command, ...args].join(' ')} does not run here`
  }
}

/** Objects one over the other: maps are merged, lists one after the other, of anything else the later counts. */
export function overlaid(below: unknown, above: unknown): unknown {
  if (Array.isArray(below) && Array.isArray(above)) return [...below, ...above]
  if (!isMap(below) || !isMap(above)) return above
  const merged: Record<string, unknown> = { ...below }
  for (const [key, value] of Object.entries(above))
    merged[key] = key in below ? overlaid(below[key], value) : value
  return merged
}

export function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
