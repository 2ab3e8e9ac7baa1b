// Turns an error that ends a process or a command into a sentence for people and a code for the log.
import { OperatorError } from '#platform/domain/errors.ts'

export type Fault = {
  readonly code: string
  /** Says what is wrong and what to do, in whole sentences. */
  readonly message: string
  /** True for a defect of the program, whose stack is shown. */
  readonly unexpected: boolean
}

/** System errors that a person can mend. `at` is the file, folder or address that they are about. */
const SYSTEM_FAULTS: Readonly<Record<string, (at: string) => string>> = {
  EACCES: at => `${at} cannot be read or written: this account has no permission for it.`,
  EPERM: at => `${at} cannot be changed: this account has no permission for it.`,
  EROFS: at => `${at} cannot be written: it is on a file system that is read-only.`,
  ENOENT: at => `${at} is not there.`,
  ENOTDIR: at => `${at} is not usable: a part of its path is a file and should be a folder.`,
  EISDIR: at => `${at} is a folder and should be a file.`,
  EEXIST: at => `${at} is there already.`,
  ENOTEMPTY: at => `${at} is a folder that is not empty.`,
  ENOSPC: at => `${at} cannot be written: the disk is full.`,
  EDQUOT: at => `${at} cannot be written: the quota of this account is used up.`,
  EMFILE: at => `${at} cannot be opened: this process has as many files open as it may.`,
  ELOOP: at => `${at} is not usable: its path leads in a circle of links.`,
  ENAMETOOLONG: at => `${at} is not usable: its name is too long.`,
  ECONNREFUSED: at => `Nothing is listening at ${at}: start it, or correct the address.`,
  ECONNRESET: at => `The connection to ${at} was cut: it may be starting or stopping.`,
  ETIMEDOUT: at => `${at} did not answer in time.`,
  ENOTFOUND: at => `There is no host called ${at}: correct the address.`,
  EAI_AGAIN: at => `The name ${at} cannot be looked up at the moment.`,
  EHOSTUNREACH: at => `${at} cannot be reached from this machine.`,
  EADDRINUSE: at => `${at} is in use: stop the program that listens there, or take another port.`,
  EADDRNOTAVAIL: at => `${at} is not an address of this machine.`,
}

/** Returns the first known cause; an error without one is a defect of the program. */
export function faultOf(error: unknown): Fault {
  for (const cause of causesOf(error)) {
    if (cause instanceof OperatorError) return { code: cause.code, message: cause.message, unexpected: false }
    const told = systemFault(cause)
    if (told) return told
  }
  const message = error instanceof Error ? error.message : String(error)
  return { code: 'INTERNAL', message: message || 'an error without a message', unexpected: true }
}

/** Returns the text for a terminal, with the stack of a defect only. */
export function describeFault(error: unknown): string {
  const { code, message, unexpected } = faultOf(error)
  if (!unexpected) return code === 'USAGE' || code === 'NOT_CONFIRMED' ? message : `${code}: ${message}`
  const stack = error instanceof Error ? (error.stack ?? message) : message
  return `${code}: this is a defect of Waybill; please report it with the lines below.\n${stack}`
}

const MAX_CAUSES = 8

/** Returns the error, its causes, and the members of an aggregate, nearest first. */
function causesOf(error: unknown): unknown[] {
  const found: unknown[] = [error]
  for (const one of found) {
    if (found.length >= MAX_CAUSES || !(one instanceof Error)) break
    if (one.cause !== undefined) found.push(one.cause)
    if (one instanceof AggregateError) found.push(...one.errors.slice(0, MAX_CAUSES))
  }
  return found
}

function systemFault(error: unknown): Fault | undefined {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return undefined
  const sentence = SYSTEM_FAULTS[error.code]
  return sentence && { code: error.code, message: sentence(subjectOf(error)), unexpected: false }
}

function subjectOf(error: object): string {
  const { path, dest, address, port, hostname } = {
    path: '',
    dest: '',
    address: '',
    port: '',
    hostname: '',
    ...error,
  }
  const host = address || hostname
  return String(dest || path || (host && port ? `${host}:${port}` : host) || 'Something that this needs')
}
