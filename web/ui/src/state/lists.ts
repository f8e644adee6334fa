/** Closed lists a person chooses from in the wizard, as twin/heights.py and twin/codes have them. */

/** Surfaces that heights count from: the name a layer says, and what it is in English. */
export const VERTICAL_DATUMS: readonly (readonly [string, string])[] = [
  ['1985国家高程基准', '1985 National Height Datum'],
  ['1956黄海高程系', 'Yellow Sea 1956'],
  ['珠江高程基准', 'Pearl River height datum'],
  ['广州城建高程', 'Guangzhou city height datum'],
  ['EGM96', 'EGM96 geoid'],
  ['EGM2008', 'EGM2008 geoid'],
  ['WGS84椭球高', 'WGS 84 ellipsoidal height'],
  ['CGCS2000大地高', 'CGCS2000 ellipsoidal height'],
];

export const CODE_LISTS = ['land_use', 'division_levels', 'phases', 'statuses', 'themes'] as const;
