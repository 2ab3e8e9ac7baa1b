import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { portNumber, readConfig, urlWithScheme } from '#platform/config/config.ts'
import { OperatorError } from '#platform/domain/errors.ts'

const schema = z.object({
  PORT: portNumber.default(4101),
  DATABASE_URL: urlWithScheme('postgres', 'postgresql'),
  WEBHOOK_SECRET: z.string().min(16),
  LOG_LEVEL: z.enum(['debug', 'info']).default('info'),
})
const good = { DATABASE_URL: 'postgres://db/orders', WEBHOOK_SECRET: '0123456789abcdef' }

function problemsOf(env: Record<string, string>): string {
  try {
    readConfig(schema, env)
  } catch (error) {
    expect(error).toBeInstanceOf(OperatorError)
    expect(error).toMatchObject({ code: 'CONFIG_INVALID' })
    return error instanceof Error ? error.message : ''
  }
  return 'no problem'
}

describe('readConfig', () => {
  it('reads, converts, fills in defaults and freezes', () => {
    const config = readConfig(schema, { ...good, PORT: '8080', UNRELATED: 'x' })
    expect(config).toEqual({ ...good, PORT: 8080, LOG_LEVEL: 'info' })
    expect(Object.isFrozen(config)).toBe(true)
  })

  it('lists every problem at once, with the variable, what it holds and what it should hold', () => {
    const message = problemsOf({ PORT: 'abc', WEBHOOK_SECRET: good.WEBHOOK_SECRET, LOG_LEVEL: 'loud' })
    expect(message).toContain('PORT: holds "abc"; should hold a port number, 0 to 65535')
    expect(message).toContain('DATABASE_URL: is not set; should hold a URL such as postgres://…')
    expect(message).toMatch(/LOG_LEVEL: holds "loud"; .*"debug"/)
  })

  it('reports the message of a cross-field check', () => {
    const either = schema.partial().refine(env => env.PORT !== 1, { path: ['PORT'], message: 'take another' })
    expect(() => readConfig(either, { PORT: '1' })).toThrow('PORT: holds "1"; take another')
  })

  it('treats an empty variable as unset', () => {
    expect(readConfig(schema, { ...good, PORT: '' }).PORT).toBe(4101)
    expect(problemsOf({ ...good, DATABASE_URL: '' })).toContain('DATABASE_URL: is empty')
  })

  it('shows neither secrets nor passwords in URLs', () => {
    const message = problemsOf({ DATABASE_URL: 'mysql://admin:hunter2@db/x', WEBHOOK_SECRET: 'tooshort' })
    expect(message).toContain('mysql://admin:***@db/x')
    expect(message).not.toContain('hunter2')
    expect(message).not.toContain('tooshort')
  })

  it('refuses a URL of another scheme, and a port past the range', () => {
    expect(problemsOf({ ...good, DATABASE_URL: 'http://db' })).toContain('DATABASE_URL')
    expect(problemsOf({ ...good, PORT: '65536' })).toContain('PORT')
  })
})
