/** What came of a read. Nothing of it is a fault of ours or of a ticket: what was not read is said. */
export type ClusterAnswer<T> = { kind: 'read'; value: T } | { kind: 'unread'; reason: UnreadReason; sentence: string };

export type UnreadReason =
  /** The kubeconfig cannot be used. */
  | 'misconfigured'
  /** The credentials are not accepted. */
  | 'unauthenticated'
  | 'denied'
  | 'absent'
  /** No connection, a certificate that is not trusted, or a server that has other troubles. */
  | 'unreached'
  | 'redirected'
  | 'too_large'
  | 'unreadable';

export function toUnread(reason: UnreadReason, sentence: string): Extract<ClusterAnswer<never>, { kind: 'unread' }> {
  return { kind: 'unread', reason, sentence };
}
