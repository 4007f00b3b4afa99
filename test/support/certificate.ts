import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { isIPv4 } from 'node:net';

/** A private key and its certificate, both PEM. */
interface Certified {
  key: string;
  cert: string;
}

interface Authority {
  /** The certificate to trust, PEM. */
  ca: string;
  /** A server certificate for these host names and IPv4 addresses. */
  issue(names: readonly string[], validity?: Validity): Certified;
}

interface Validity {
  notBefore: Date;
  notAfter: Date;
}

const DAY_MS = 24 * 60 * 60 * 1000;

/** A certificate authority of one test, made of nothing but node's own cryptography: no program, no key in the repository. */
export function createAuthority(name: string): Authority {
  const own = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const extensions = [toExtension('2.5.29.19', true, sequence(boolean(true)))];
  const ca = toCertificate({
    subject: name,
    issuer: name,
    publicKey: own.publicKey,
    signer: own.privateKey,
    extensions,
  });
  return {
    ca,
    issue: (names, validity) => {
      const pair = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
      const cert = toCertificate({
        subject: names[0] ?? 'server',
        issuer: name,
        publicKey: pair.publicKey,
        signer: own.privateKey,
        extensions: [toExtension('2.5.29.17', false, sequence(...names.map(toGeneralName)))],
        ...(validity === undefined ? {} : { validity }),
      });
      return { key: pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), cert };
    },
  };
}

interface Draft {
  subject: string;
  issuer: string;
  publicKey: KeyObject;
  signer: KeyObject;
  extensions: Buffer[];
  validity?: Validity;
}

const ECDSA_WITH_SHA256 = '1.2.840.10045.4.3.2';

function toCertificate({ subject, issuer, publicKey, signer, extensions, validity }: Draft): string {
  const algorithm = sequence(oid(ECDSA_WITH_SHA256));
  const { notBefore, notAfter } = validity ?? {
    notBefore: new Date(Date.now() - DAY_MS),
    notAfter: new Date(Date.now() + DAY_MS),
  };
  const body = sequence(
    der(0xa0, integer(2)),
    integer(Math.ceil(Math.random() * 1_000_000)),
    algorithm,
    toName(issuer),
    sequence(utcTime(notBefore), utcTime(notAfter)),
    toName(subject),
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(...extensions)),
  );
  const signature = der(0x03, Buffer.from([0]), sign('sha256', body, signer));
  const base64 = sequence(body, algorithm, signature).toString('base64');
  return `-----BEGIN CERTIFICATE-----\n${base64.replace(/.{64}/g, '$&\n').trimEnd()}\n-----END CERTIFICATE-----\n`;
}

function toName(commonName: string): Buffer {
  return sequence(der(0x31, sequence(oid('2.5.4.3'), der(0x0c, Buffer.from(commonName)))));
}

function toExtension(id: string, critical: boolean, value: Buffer): Buffer {
  return sequence(oid(id), ...(critical ? [boolean(true)] : []), der(0x04, value));
}

function toGeneralName(name: string): Buffer {
  return isIPv4(name) ? der(0x87, Buffer.from(name.split('.').map(Number))) : der(0x82, Buffer.from(name));
}

// The few forms of DER that a certificate is made of.

function der(tag: number, ...parts: Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

function sequence(...parts: Buffer[]): Buffer {
  return der(0x30, ...parts);
}

function boolean(value: boolean): Buffer {
  return der(0x01, Buffer.from([value ? 0xff : 0]));
}

function integer(value: number): Buffer {
  const hex = value.toString(16);
  const bytes = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
  return der(0x02, (bytes[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.from([0]), bytes]) : bytes);
}

function utcTime(date: Date): Buffer {
  return der(0x17, Buffer.from(`${date.toISOString().slice(2, 19).replace(/[-:T]/g, '')}Z`));
}

function oid(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number);
  const bytes = [first * 40 + second];
  for (const part of rest) {
    const digits = [part & 0x7f];
    for (let left = part >> 7; left > 0; left >>= 7) digits.unshift((left & 0x7f) | 0x80);
    bytes.push(...digits);
  }
  return der(0x06, Buffer.from(bytes));
}
