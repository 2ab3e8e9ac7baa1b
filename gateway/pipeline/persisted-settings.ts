// What an operator sets of operations that are named by a hash. Free of files.
import { z } from 'zod'

export const persistedSettings = z
  .strictObject({
    /** Whether clients may name an operation by its hash once they have sent its text (automatic persisted queries). */
    automatic: z.boolean().default(true),
    /** The file of a manifest in Apollo's format: its operations may be named from the start. */
    manifest: z.string().min(1).optional(),
    /** `only`: nothing runs but the manifest's operations. */
    mode: z.enum(['allow', 'only']).default('allow'),
  })
  .refine(({ manifest, mode }) => mode === 'allow' || manifest !== undefined, {
    path: ['manifest'],
    message: 'it should be named: the mode is "only"',
  })

export type PersistedSettings = z.infer<typeof persistedSettings>
