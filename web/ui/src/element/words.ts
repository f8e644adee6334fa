/** The few words of the embedded map. */
import type { Language } from './attributes';

interface Words {
  loading: string;
  synthetic: string;
  legend: string;
  noData: string;
  map: string;
  noProduct: string;
  badAttribute: string;
  noAnswer: string;
  noDrawing: string;
  incomplete: string;
  at: string;
  controls: Record<string, string>;
}

const zh: Words = {
  loading: '地图加载中…',
  synthetic: '示例数据',
  legend: '图例',
  noData: '无数据',
  map: '地图',
  noProduct: '缺少 product 属性：请填写产品编码',
  badAttribute: '属性 {name} 无法识别：{value}',
  noAnswer: '地图服务没有应答：{host}',
  noDrawing: '此浏览器无法绘制地图（需要 WebGL2）',
  incomplete: '部分地图数据未能载入',
  at: '时间：{moment}',
  controls: {
    'NavigationControl.ZoomIn': '放大',
    'NavigationControl.ZoomOut': '缩小',
    'NavigationControl.ResetBearing': '恢复正北',
    'AttributionControl.ToggleAttribution': '数据来源',
    'CooperativeGesturesHandler.WindowsHelpText': '按住 Ctrl 并滚动可缩放地图',
    'CooperativeGesturesHandler.MacHelpText': '按住 ⌘ 并滚动可缩放地图',
    'CooperativeGesturesHandler.MobileHelpText': '请用两根手指移动地图',
    'Map.Title': '地图',
  },
};

const en: Words = {
  loading: 'Loading the map …',
  synthetic: 'Sample data',
  legend: 'Legend',
  noData: 'No data',
  map: 'Map',
  noProduct: 'The attribute product is missing: give the code of a product',
  badAttribute: 'The attribute {name} cannot be read: {value}',
  noAnswer: 'The map service does not answer: {host}',
  noDrawing: 'This browser cannot draw the map (it needs WebGL2)',
  incomplete: 'Part of the map could not be loaded',
  at: 'At {moment}',
  controls: {},
};

export const WORDS: Record<Language, Words> = { zh, en };

/** Put values into `{places}`. */
export function put(sentence: string, values: Record<string, string>): string {
  return sentence.replace(/\{(\w+)\}/g, (whole, key: string) => values[key] ?? whole);
}

/** The text in the language, or the other one where it is missing. */
export function either(language: Language, zhText: string | undefined, enText: string | undefined): string {
  const [first, second] = language === 'en' ? [enText, zhText] : [zhText, enText];
  return first !== undefined && first !== '' ? first : (second ?? '');
}
