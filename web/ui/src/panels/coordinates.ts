/** Coordinates as people type and read them. */

export function writeCoordinates(lng: number, lat: number): string {
  const east = `${Math.abs(lng).toFixed(5)}°${lng < 0 ? 'W' : 'E'}`;
  return `${east} ${Math.abs(lat).toFixed(5)}°${lat < 0 ? 'S' : 'N'}`;
}
