// Spanish; words.js names the lines.
export default `¡Hola! ¿Qué te gustaría saber?
Haz una pregunta…
Enviar
Detener
Cerrar
Nueva conversación
Más
Borrar mis datos
¿Borrar todo?
Privacidad
Las respuestas son de una IA y pueden ser erróneas.
Tu pregunta:
Respuesta:
Fuentes
Copiar
Copiado
Buena respuesta
Mala respuesta
Editar
Edita la pregunta. Lo que le sigue se quitará.
Cancelar
Reintentar
Ir al final
Enviando…
Buscando en el blog…
Pensando…
Sigue donde se detuvo…
Reconectando…
Estás sin conexión. La respuesta seguirá después.
El resto de esta respuesta ya no existe.
Detenido.
La respuesta alcanzó su longitud máxima.
La respuesta termina aquí: fue rechazada.
No se pudo terminar la respuesta.
No se pudo enviar tu pregunta.
No llegó al servidor. Inténtalo de nuevo.
El servidor aún tiene tus datos. Bórralos de nuevo.`;
