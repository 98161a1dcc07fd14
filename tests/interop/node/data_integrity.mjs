// Verifies W3C Data Integrity proofs, and credentials, with the libraries of Digital Bazaar. One JSON object
// per line on standard input, one result per line on standard output.
//
//   {"do": "contexts", "iris": [...]}   answers with the text of each
//   {"do": "verify", "document": <signed>, "suite": <name>, "multikey": <publicKeyMultibase>}
//   {"do": "verify-jcs", "document": <signed>, "jwk": {...}}
//   {"do": "verify-credential", "credential": <signed>, "did": <the issuer's document>, "contexts": {iri: ...}}
//
// They have none for ecdsa-jcs-2019: there the npm libraries `canonicalize` and `base58-universal` and node's own
// crypto do it, with the hash block as vc-di-ecdsa 1.0 has it.
import { createHash, createPublicKey, verify as verifySignature } from 'node:crypto'
import readline from 'node:readline'
import { decode as base58 } from 'base58-universal'
import canonicalize from 'canonicalize'
import jsigs from 'jsonld-signatures'
import * as vc from '@digitalbazaar/vc'
import { DataIntegrityProof } from '@digitalbazaar/data-integrity'
import { Ed25519Signature2020, suiteContext } from '@digitalbazaar/ed25519-signature-2020'
import { contexts as credentials } from '@digitalbazaar/credentials-context'
import { createVerifyCryptosuite } from '@digitalbazaar/eddsa-jcs-2022-cryptosuite'
import { cryptosuite as eddsaRdfc } from '@digitalbazaar/eddsa-rdfc-2022-cryptosuite'
import { cryptosuite as ecdsaRdfc } from '@digitalbazaar/ecdsa-rdfc-2019-cryptosuite'

const contexts = new Map([...credentials, ...suiteContext.contexts])

const suites = {
  'eddsa-rdfc-2022': () => new DataIntegrityProof({ cryptosuite: eddsaRdfc }),
  'eddsa-jcs-2022': () => new DataIntegrityProof({ cryptosuite: createVerifyCryptosuite() }),
  'ecdsa-rdfc-2019': () => new DataIntegrityProof({ cryptosuite: ecdsaRdfc }),
  Ed25519Signature2020: () => new Ed25519Signature2020(),
}

function documents(row) {
  const id = row.document.proof.verificationMethod
  const controller = id.split('#')[0]
  const method = row.suite === 'Ed25519Signature2020'
    ? { '@context': suiteContext.constants.CONTEXT_URL, id, type: 'Ed25519VerificationKey2020', controller }
    : { '@context': 'https://w3id.org/security/multikey/v1', id, type: 'Multikey', controller }
  method.publicKeyMultibase = row.multikey
  return new Map([
    [id, method],
    [controller, { '@context': 'https://www.w3.org/ns/did/v1', id: controller, assertionMethod: [id] }],
  ])
}

function loaderOf(known) {
  return async (url) => {
    const document = known.get(url) ?? contexts.get(url)
    if (document === undefined) {
      throw new Error(`${url} is not there`)
    }
    return { contextUrl: null, documentUrl: url, document }
  }
}

function said(result) {
  const errors = result.error?.errors ?? (result.error ? [result.error] : [])
  return { verified: result.verified, why: errors.map((error) => `${error.message} ${error.cause ?? ''}`).join('; ') }
}

async function verify(row) {
  return said(await jsigs.verify(row.document, {
    suite: suites[row.suite](),
    purpose: new jsigs.purposes.AssertionProofPurpose(),
    documentLoader: loaderOf(documents(row)),
  }))
}

function verifyJcs(row) {
  const { proof: { proofValue, ...options }, ...document } = row.document
  const key = createPublicKey({ key: row.jwk, format: 'jwk' })
  const name = row.jwk.crv === 'P-384' ? 'sha384' : 'sha256'
  const block = [options, document].map((part) => createHash(name).update(canonicalize(part)).digest())
  return {
    verified: proofValue[0] === 'z' && verifySignature(
      name, Buffer.concat(block), { key, dsaEncoding: 'ieee-p1363' }, base58(proofValue.slice(1))),
  }
}

// By nothing but what the issuer's DID document says of its keys.
async function verifyCredential(row) {
  const methods = row.did.verificationMethod.map((method) => [method.id, {
    '@context': method.type === 'Multikey' ? 'https://w3id.org/security/multikey/v1' : suiteContext.constants.CONTEXT_URL,
    ...method,
  }])
  return said(await vc.verifyCredential({
    credential: row.credential,
    suite: [suites.Ed25519Signature2020(), suites['eddsa-rdfc-2022']()],
    documentLoader: loaderOf(new Map([[row.did.id, row.did], ...methods, ...Object.entries(row.contexts)])),
  }))
}

const does = {
  contexts: (row) => ({ texts: row.iris.map((iri) => JSON.stringify(contexts.get(iri))) }),
  verify,
  'verify-jcs': verifyJcs,
  'verify-credential': verifyCredential,
}

for await (const line of readline.createInterface({ input: process.stdin })) {
  try {
    const row = JSON.parse(line)
    console.log(JSON.stringify({ good: true, ...(await does[row.do](row)) }))
  } catch (error) {
    console.log(JSON.stringify({ good: false, error: `${error.message}` }))
  }
}
