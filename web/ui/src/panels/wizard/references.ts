/** Reference systems people of this province choose most; any other can be typed. */

const option = ([value, name]: readonly [string, string]) => ({ value, label: `${value}  ${name}` });

export const PROJECTED = (
  [
    ['EPSG:4526', 'CGCS2000 / 3° 38 带'],
    ['EPSG:4527', 'CGCS2000 / 3° 39 带'],
    ['EPSG:4546', 'CGCS2000 / 3° CM 111E'],
    ['EPSG:4547', 'CGCS2000 / 3° CM 114E'],
    ['EPSG:4548', 'CGCS2000 / 3° CM 117E'],
  ] as const
).map(option);

export const REFERENCES = [...([['EPSG:4490', 'CGCS2000'], ['EPSG:4326', 'WGS 84'], ['EPSG:3857', 'Web Mercator']] as const).map(option), ...PROJECTED];
