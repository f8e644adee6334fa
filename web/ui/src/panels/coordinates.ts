/** Coordinates as people type and read them. */

const TWO_NUMBERS = /^\s*(-?\d{1,3}(?:\.\d+)?)\s*°?\s*[EeWw]?\s*[,，\s]\s*(-?\d{1,3}(?:\.\d+)?)\s*°?\s*[NnSs]?\s*$/;

/** “113.3, 23.1” or “23.1, 113.3” as [lon, lat]; the order is guessed only where just one is possible. */
export function readCoordinates(text: string): [number, number] | null {
  const half = text.normalize('NFKC');
  const match = TWO_NUMBERS.exec(half);
  if (match === null) return null;
  const first = Number(match[1]);
  const second = Number(match[2]);
  const valid = (lon: number, lat: number) => Math.abs(lon) <= 180 && Math.abs(lat) <= 85;
  const inChina = (lon: number, lat: number) => lon > 73 && lon < 136 && lat > 3 && lat < 54;
  if (inChina(second, first) && !inChina(first, second)) return [second, first];
  return valid(first, second) ? [first, second] : null;
}

export function writeCoordinates(lng: number, lat: number): string {
  const east = `${Math.abs(lng).toFixed(5)}°${lng < 0 ? 'W' : 'E'}`;
  return `${east} ${Math.abs(lat).toFixed(5)}°${lat < 0 ? 'S' : 'N'}`;
}
