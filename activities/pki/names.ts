import forge from 'node-forge';

/** A subject in the order of X.509: organization, then common name. */
export interface Subject {
  readonly commonName: string;
  readonly organization?: string;
}

// UTF8String for every value: PrintableString, forge's default, knows neither "@" nor "_".
const attribute = (name: string, value: string): forge.pki.CertificateField => ({
  name,
  value,
  valueTagClass: forge.asn1.Type.UTF8 as unknown as forge.asn1.Class,
});

export const subjectFields = ({ commonName, organization }: Subject): forge.pki.CertificateField[] => [
  ...(organization === undefined ? [] : [attribute('organizationName', organization)]),
  attribute('commonName', commonName),
];
