/** A TypeScript user whose project is CommonJS. */
import { createValidator } from 'oauth-resource-server'
import { authenticate } from 'oauth-resource-server/express'

export = authenticate(createValidator({ issuer: 'https://as.example.com', audience: false }))
