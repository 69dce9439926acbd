export {type AdminOptions, createAdmin} from './app.js';
export {type ListenOptions, listenAdmin} from './listen.js';
export type {Admin} from './routes/plugin.js';
export type {TcpOptions} from './tcp-listener.js';
export {ADMIN_GROUP, ADMIN_SOCKET} from './unix-listener.js';
