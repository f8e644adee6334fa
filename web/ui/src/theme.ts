/** Ant Design's tokens, set once; the page's own style sheet has the same values as CSS variables. */
import { theme, type ThemeConfig } from 'antd';

const FONTS = "system-ui, -apple-system, 'Segoe UI', 'Noto Sans SC', 'Noto Sans CJK SC', 'PingFang SC', 'Microsoft YaHei', sans-serif";

export function themeOf(dark: boolean, phone: boolean): ThemeConfig {
  return {
    algorithm: dark ? theme.darkAlgorithm : theme.defaultAlgorithm,
    token: {
      colorPrimary: dark ? '#4C93D9' : '#1456A0',
      colorLink: dark ? '#6AA9E6' : '#1456A0',
      colorBgContainer: dark ? '#1C2128' : '#FFFFFF',
      colorBgElevated: dark ? '#222831' : '#FFFFFF',
      colorTextSecondary: dark ? '#A4ADB8' : '#5A626D',
      colorTextTertiary: dark ? '#8B95A1' : '#69717C',
      colorTextDescription: dark ? '#A4ADB8' : '#5A626D',
      colorTextPlaceholder: dark ? '#8B95A1' : '#69717C',
      colorBorder: dark ? '#39414C' : '#CBD0D8',
      colorBorderSecondary: dark ? '#2C333C' : '#E6E8EC',
      borderRadius: 6,
      fontSize: phone ? 14 : 13,
      fontFamily: FONTS,
      controlHeight: phone ? 44 : 32,
      controlHeightSM: phone ? 44 : 26,
      motionDurationMid: '0.15s',
      motionDurationSlow: '0.2s',
    },
    components: {
      Tabs: { horizontalMargin: '0', horizontalItemGutter: 24, itemSelectedColor: dark ? '#7FB6EC' : '#1456A0' },
      Slider: {
        trackBg: dark ? '#4C93D9' : '#6E9FCC',
        trackHoverBg: dark ? '#6AA9E6' : '#1456A0',
        handleColor: dark ? '#6AA9E6' : '#6E9FCC',
        railBg: dark ? '#39414C' : '#E6E8EC',
      },
      Popover: { titleMinWidth: 120 },
    },
  };
}
