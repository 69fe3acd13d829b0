import { fileURLToPath } from 'node:url'

// From dist/bin, and for tests from dist/src: this file stays in the top folder of src.
const inPackage = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url))

/** Where the migrations lie. */
export const migrationsFolder = inPackage('migrations')

/** Where that lies which pages load: compiled from `browser/`, and as written in `styles/`. */
export const assetFolders: readonly string[] = [inPackage('dist/browser/'), inPackage('styles/')]
