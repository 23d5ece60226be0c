/** What our code asks of a logger: pino fits it. Data first, then a sentence. */
export interface Log {
  info(data: object, message: string): void;
  warn(data: object, message: string): void;
  error(data: object, message: string): void;
}
