import assert from 'node:assert/strict';
import { test } from 'node:test';
import { evaluate } from '../../sandbox/aws/policy.ts';
import type { PolicyStatement, Verdict } from '../../sandbox/aws/policy.ts';

const bucket = 'arn:aws:s3:::store';
const userId = 'AROAEXAMPLE:i-0123456789abcdef0';

interface Row {
  readonly says: string;
  readonly statements: readonly PolicyStatement[];
  readonly action?: string;
  readonly resource?: string;
  readonly context?: Record<string, string | string[]>;
  readonly expected: Verdict;
}

const own: PolicyStatement = {
  Effect: 'Allow',
  Action: ['s3:PutObject', 's3:GetObject'],
  Resource: `${bucket}/machines/\${aws:userid}/*`,
};
const listOwn: PolicyStatement = {
  Effect: 'Allow',
  Action: 's3:ListBucket',
  Resource: bucket,
  Condition: { StringLike: { 's3:prefix': ['machines/${aws:userid}/*'] } },
};
const all: PolicyStatement = { Effect: 'Allow', Action: '*', Resource: '*' };
const conditional = (operator: string, key: string, value: string | string[]): PolicyStatement => ({
  ...all,
  Condition: { [operator]: { [key]: value } },
});

// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
const ROWS: readonly Row[] = [
  { says: 'nothing is allowed by default', statements: [], expected: 'not allowed' },
  {
    says: 'an own prefix is allowed by the variable',
    statements: [own],
    resource: `${bucket}/machines/${userId}/csr`,
    expected: 'allowed',
  },
  {
    says: 'another machine’s prefix is not',
    statements: [own],
    resource: `${bucket}/machines/AROAEXAMPLE:i-other/csr`,
    expected: 'not allowed',
  },
  {
    says: 'another action is not',
    statements: [own],
    action: 's3:DeleteObject',
    resource: `${bucket}/machines/${userId}/csr`,
    expected: 'not allowed',
  },
  {
    says: 'what a variable holds is no pattern',
    statements: [own],
    context: { 'aws:userid': '*' },
    resource: `${bucket}/machines/any/csr`,
    expected: 'not allowed',
  },
  {
    says: 'an unknown variable matches nothing',
    statements: [{ ...all, Resource: `${bucket}/\${aws:PrincipalTag/team}/*` }],
    resource: `${bucket}//x`,
    expected: 'not allowed',
  },
  {
    says: 'a default stands in for a missing variable',
    statements: [{ ...all, Resource: `${bucket}/\${aws:PrincipalTag/team, 'none'}/*` }],
    resource: `${bucket}/none/x`,
    expected: 'allowed',
  },
  {
    says: 'actions are compared without regard to case',
    statements: [{ ...all, Action: 'S3:putobject' }],
    expected: 'allowed',
  },
  { says: 'an action pattern matches', statements: [{ ...all, Action: 's3:Put*' }], expected: 'allowed' },
  {
    says: 'an explicit deny wins',
    statements: [all, { ...all, Effect: 'Deny', Action: 's3:PutObject' }],
    expected: 'denied',
  },
  {
    says: 'NotAction leaves out',
    statements: [{ Effect: 'Allow', NotAction: 's3:*', Resource: '*' }],
    expected: 'not allowed',
  },
  {
    says: 'NotResource leaves out',
    statements: [{ Effect: 'Deny', Action: '*', NotResource: `${bucket}/a/*` }, all],
    resource: `${bucket}/b/x`,
    expected: 'denied',
  },
  {
    says: 'a list of the own prefix is allowed',
    statements: [listOwn],
    action: 's3:ListBucket',
    resource: bucket,
    context: { 's3:prefix': `machines/${userId}/` },
    expected: 'allowed',
  },
  {
    says: 'a list of everything is not',
    statements: [listOwn],
    action: 's3:ListBucket',
    resource: bucket,
    context: { 's3:prefix': '' },
    expected: 'not allowed',
  },
  {
    says: 'StringEquals needs the key',
    statements: [conditional('StringEquals', 'aws:RequestTag/zone', 'a')],
    expected: 'not allowed',
  },
  {
    says: 'IfExists does not',
    statements: [conditional('StringEqualsIfExists', 'aws:RequestTag/zone', 'a')],
    expected: 'allowed',
  },
  {
    says: 'StringNotEquals holds without the key',
    statements: [conditional('StringNotEquals', 'aws:RequestTag/zone', 'a')],
    expected: 'allowed',
  },
  {
    says: 'Null tells whether there is a key',
    statements: [conditional('Null', 'aws:RequestTag/zone', 'true')],
    expected: 'allowed',
  },
  {
    says: 'ForAllValues holds where every value does',
    statements: [conditional('ForAllValues:StringEquals', 'aws:TagKeys', ['zone', 'name'])],
    context: { 'aws:TagKeys': ['zone'] },
    expected: 'allowed',
  },
  {
    says: 'ForAllValues fails on one that does not',
    statements: [conditional('ForAllValues:StringEquals', 'aws:TagKeys', ['zone'])],
    context: { 'aws:TagKeys': ['zone', 'other'] },
    expected: 'not allowed',
  },
  {
    says: 'ForAnyValue holds on one that does',
    statements: [conditional('ForAnyValue:StringEquals', 'aws:TagKeys', ['zone'])],
    context: { 'aws:TagKeys': ['zone', 'other'] },
    expected: 'allowed',
  },
  {
    says: 'an address in the range matches',
    statements: [conditional('IpAddress', 'aws:SourceIp', '10.0.0.0/8')],
    context: { 'aws:SourceIp': '10.1.2.3' },
    expected: 'allowed',
  },
  {
    says: 'NotIpAddress is its opposite',
    statements: [conditional('NotIpAddress', 'aws:SourceIp', '10.0.0.0/8')],
    context: { 'aws:SourceIp': '10.1.2.3' },
    expected: 'not allowed',
  },
  {
    says: 'Bool compares',
    statements: [conditional('Bool', 'aws:SecureTransport', 'true')],
    context: { 'aws:SecureTransport': 'false' },
    expected: 'not allowed',
  },
  {
    says: 'ArnLike compares with wildcards',
    statements: [conditional('ArnLike', 'aws:PrincipalArn', 'arn:aws:iam::*:role/border-*')],
    context: { 'aws:PrincipalArn': 'arn:aws:iam::1:role/border-a' },
    expected: 'allowed',
  },
  {
    says: 'an unknown operator never holds',
    statements: [conditional('BinaryEquals', 'aws:userid', userId)],
    expected: 'not allowed',
  },
];

for (const {
  says,
  statements,
  action = 's3:PutObject',
  resource = `${bucket}/x`,
  context,
  expected,
} of ROWS) {
  test(says, () => {
    const request = { action, resource, context: { 'aws:userid': userId, ...context } };
    assert.equal(evaluate([{ Statement: statements }], request), expected);
  });
}
