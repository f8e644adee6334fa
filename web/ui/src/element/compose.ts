/** The product over the house's base map, as the map page shows it: ground and blocks below, the product above, names on top. */
import type { LayerSpecification, StyleSpecification } from 'maplibre-gl';
import { ground } from '../map/base';

const isName = ({ type }: LayerSpecification): boolean => type === 'symbol';

/** Layers that the product raises as blocks; the base map leaves its own of them away. */
function raisedBy(layers: LayerSpecification[]): string[] {
  return layers.filter(({ type }) => type === 'fill-extrusion').map((layer) => ('source-layer' in layer ? (layer['source-layer'] ?? '') : ''));
}

export function compose(style: StyleSpecification, base: StyleSpecification, flat: boolean): StyleSpecification {
  const own = style.layers.filter(({ type }) => type !== 'background');
  const under = ground(base, { mode: flat ? '2d' : '3d', dark: false, raised: raisedBy(own) });
  const sprite = style.sprite ?? base.sprite;
  const split = (names: boolean, layers: LayerSpecification[]) => layers.filter((layer) => isName(layer) === names);
  return {
    ...style,
    ...(sprite === undefined ? {} : { sprite }),
    sources: { ...under.sources, ...style.sources },
    layers: [...split(false, under.layers), ...split(false, own), ...split(true, under.layers), ...split(true, own)],
  };
}

/** Whether the card or the base map below it says that its data are made up. */
export function isMadeUp(style: StyleSpecification): boolean {
  const { metadata } = style;
  return typeof metadata === 'object' && metadata !== null && (metadata as Record<string, unknown>)['twin:synthetic'] === true;
}
