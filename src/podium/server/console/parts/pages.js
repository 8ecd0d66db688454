// Which pages there are, where they are found, and by which keys.

export const PAGES = [
  { name: "now", title: "Now", path: /^\/$/, icon: "now", href: "/", key: "n", load: () => import("../pages/now.js") },
  { name: "approvals", title: "Approvals", path: /^\/approvals(?:\/([^/]+)\/([^/]+))?$/, icon: "inbox", href: "/approvals", key: "a", load: () => import("../pages/approvals.js") },
  { name: "runs", title: "Runs", path: /^\/runs$/, icon: "runs", href: "/runs", key: "r", load: () => import("../pages/runs.js") },
  { name: "run", title: "Run", path: /^\/runs\/([^/]+)$/, within: "runs", load: () => import("../pages/run.js") },
  { name: "budgets", title: "Budgets", path: /^\/budgets$/, icon: "coin", href: "/budgets", key: "b", apart: true, load: () => import("../pages/budgets.js") },
  { name: "policies", title: "Policies", path: /^\/policies(?:\/([^/]+))?$/, icon: "shield", href: "/policies", key: "p", load: () => import("../pages/policies.js") },
  { name: "audit", title: "Audit", path: /^\/audit$/, icon: "book", href: "/audit", key: "u", load: () => import("../pages/audit.js") },
  { name: "agents", title: "Agents", path: /^\/agents(?:\/([^/]+))?$/, icon: "agent", href: "/agents", key: "e", apart: true, load: () => import("../pages/agents.js") },
  { name: "schedules", title: "Schedules", path: /^\/schedules(?:\/([^/]+))?$/, icon: "calendar", href: "/schedules", key: "s", load: () => import("../pages/schedules.js") },
  { name: "fleet", title: "Fleet", path: /^\/fleet$/, icon: "server", href: "/fleet", key: "f", load: () => import("../pages/fleet.js") },
];

export const NAMED = PAGES.filter((page) => page.href);
