/** What a WebSocket's close frame has room for beside the code: 123 bytes of UTF-8 (RFC 6455 5.5); more of them is an exception. */
const ROOM = 123;

/** As much of it as there is room for, cut between two letters. */
export function closeReason(text: string): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= ROOM) return text;
  let end = ROOM;
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return bytes.subarray(0, end).toString();
}
