/** Which of 16,384 slots of a Redis Cluster a key or channel has. */
declare module 'cluster-key-slot' {
  export default function slotOf(key: string): number;
}
