import type { ReportRule } from '../api/types';

export const SEVERITY_COLORS: Record<ReportRule['severity'], string> = { repair: 'blue', refuse: 'red', warn: 'orange', note: 'default' };
