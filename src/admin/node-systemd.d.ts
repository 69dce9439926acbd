/** Teaches `net.Server.prototype.listen` to take the word `systemd`; exports nothing. */
declare module 'systemd';
