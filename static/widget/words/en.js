// English; words.js names the lines.
export default `Hello! What would you like to know?
Ask a question…
Send
Stop
Close
New conversation
More
Clear my data
Really clear all?
Privacy
Answers are written by AI and can be wrong.
You asked:
Answer:
Sources
Copy
Copied
Good answer
Bad answer
Edit
Edit your question. What follows it will go.
Cancel
Try again
Jump to the latest
Sending…
Searching the blog…
Thinking…
Picking up where it stopped…
Reconnecting…
You are offline. The answer goes on when you are back.
The rest of this answer is no longer there.
Stopped.
The answer reached its longest and was cut here.
The answer ended here: it was declined.
The answer could not be finished.
Your question could not be sent.
That did not reach the server. Please try again.
The server still has your data. Please clear it again.`;
